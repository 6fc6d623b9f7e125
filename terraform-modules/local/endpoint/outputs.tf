output "endpoint" {
  description = "The API's endpoint: internal for nodes, external for operators; instance changes when it is recreated."
  value = {
    instance = terraform_data.endpoint.id
    internal = {
      host = var.address
      port = var.ports[0]
    }
    external = {
      host = "127.0.0.1"
      port = var.api_port
    }
  }
  # Users of the endpoint need servers behind it.
  depends_on = [terraform_data.endpoint, terraform_data.servers]
}
