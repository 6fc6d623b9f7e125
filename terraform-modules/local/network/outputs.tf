output "network" {
  description = "The network: its name for the engine; id is new whenever the network was made again."
  value = {
    id   = terraform_data.network.id
    name = local.name
  }
}
