output "network" {
  description = "The network: its name in the engine; id changes when the network is recreated."
  value = {
    id   = terraform_data.network.id
    name = local.name
  }
}
