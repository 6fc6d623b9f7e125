# The API endpoint: a container that runs haproxy. It keeps its address and its port when servers are added or
# removed, so kubeconfigs and joined nodes do not change.

locals {
  name = "${var.cluster.name}-api"
}

resource "terraform_data" "endpoint" {
  # The engine is needed to destroy the resource; the name makes the state readable.
  input = {
    engine = var.engine.command
    name   = local.name
  }

  triggers_replace = {
    engine   = var.engine.command
    name     = local.name
    network  = var.network.id
    address  = var.address
    api_port = var.api_port
    port     = var.ports[0]
  }

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-euc"]
    environment = {
      ENGINE   = var.engine.command
      IMAGE    = var.engine.image
      OPTIONS  = join("\n", var.engine.run_options)
      NAME     = local.name
      SPEC     = var.cluster.spec
      INSTANCE = self.id
      NETWORK  = var.network.name
      ADDRESS  = var.address
      PUBLISH  = "127.0.0.1:${var.api_port}:${var.ports[0]}"
      LABELS = join("\n", [for key, value in merge(var.engine.labels, {
        "kbootstrap.spec"     = var.cluster.spec
        "kbootstrap.cluster"  = var.cluster.name
        "kbootstrap.node"     = local.name
        "kbootstrap.instance" = self.id
      }) : "--label=${key}=${value}"])
    }
    # First remove the leftovers of a killed run: containers with the cluster's labels that are in no state.
    command = <<-EOT
      # `kbootstrap adopt` sets this to the names of existing resources, which it imports into a new state.
      case " $${KBOOTSTRAP_ADOPT:-} " in *" $NAME "*) exit 0 ;; esac

      remove() {
        for container in $("$ENGINE" ps --all --quiet "$@"); do
          "$ENGINE" rm --force --volumes "$container" >/dev/null
        done
      }
      remove --filter "label=kbootstrap.spec=$SPEC" --filter "label=kbootstrap.node=$NAME"

      IFS='
      '
      set -f
      "$ENGINE" run --detach --name "$NAME" --hostname "$NAME" --restart unless-stopped --pull never \
        --network "$NETWORK" --ip "$ADDRESS" --publish "$PUBLISH" --stop-signal SIGTERM \
        $LABELS $OPTIONS --entrypoint /usr/local/sbin/kbootstrap-endpoint "$IMAGE" run || {
        remove --filter "label=kbootstrap.instance=$INSTANCE"
        exit 1
      }
    EOT
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["/bin/sh", "-euc"]
    environment = {
      ENGINE   = self.input.engine
      INSTANCE = self.id
    }
    # Selected by its label, because another resource may have the name by now.
    command = <<-EOT
      found=$("$ENGINE" ps --all --quiet --filter "label=kbootstrap.instance=$INSTANCE")
      for container in $found; do
        "$ENGINE" rm --force --volumes "$container"
      done
    EOT
  }
}

# The servers behind the endpoint: updated in the running container, existing connections are kept.
resource "terraform_data" "servers" {
  triggers_replace = {
    endpoint = terraform_data.endpoint.id
    ports    = var.ports
    servers  = var.servers
  }

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-euc"]
    environment = {
      ENGINE  = var.engine.command
      NAME    = local.name
      PORTS   = join(" ", var.ports)
      SERVERS = join(" ", var.servers)
    }
    command = <<-EOT
      "$ENGINE" start "$NAME" >/dev/null
      "$ENGINE" exec "$NAME" /usr/local/sbin/kbootstrap-endpoint servers "$PORTS" "$SERVERS"
    EOT
  }
}
