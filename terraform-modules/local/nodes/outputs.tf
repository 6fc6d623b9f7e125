output "nodes" {
  description = "The nodes, by name. instance changes when the machine is recreated."
  value = {
    for name, node in var.nodes : name => {
      role     = var.role
      pool     = var.pool
      address  = node.address
      instance = terraform_data.node[name].id
    }
  }
  depends_on = [terraform_data.authorized_keys]
}
