variable "engine" {
  description = "The container engine of this machine, found by kbootstrap at run time."
  nullable    = false
  type = object({
    command      = string       # docker or podman, on PATH
    image        = string       # the node image, a local tag
    run_options  = list(string) # what every container needs with this engine
    node_options = list(string) # what a node needs besides, to run systemd and kubelet
    labels       = map(string)  # marks of ownership, for containers and networks
  })

  validation {
    condition     = contains(["docker", "podman"], var.engine.command)
    error_message = "engine.command must be docker or podman."
  }

  validation {
    condition     = !strcontains(join("", concat(var.engine.run_options, var.engine.node_options, values(var.engine.labels))), "\n")
    error_message = "Engine options and labels must be single lines."
  }
}
