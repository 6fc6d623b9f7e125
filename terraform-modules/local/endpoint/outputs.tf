output "endpoint" {
  description = "Both faces of the API: internal for nodes, external for operators; instance as with nodes."
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
  # Whoever uses the endpoint wants servers behind it.
  depends_on = [terraform_data.endpoint, terraform_data.servers]
}
