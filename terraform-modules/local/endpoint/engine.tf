variable "engine" {
  description = "The container engine of this machine, which kbootstrap detects at run time."
  nullable    = false
  type = object({
    command      = string       # docker or podman, on PATH
    image        = string       # the node image, a local tag
    run_options  = list(string) # required by every container with this engine
    node_options = list(string) # also required by a node, to run systemd and kubelet
    labels       = map(string)  # ownership labels of containers and networks
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
