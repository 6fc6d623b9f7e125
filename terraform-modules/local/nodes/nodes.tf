# Nodes: containers that run systemd and sshd.

locals {
  limits = var.flavor == null ? [] : ["--cpus=${var.flavor.cpus}", "--memory=${var.flavor.memory_gib}g"]
}

resource "terraform_data" "node" {
  for_each = var.nodes

  # The engine is needed to destroy the resource; the name makes the state readable.
  input = {
    engine = var.engine.command
    name   = each.key
  }

  # The machine itself. Image and engine options are left out: a new image applies only to new machines.
  # Without a flavor the value has no such key, as in states of before there were any.
  triggers_replace = merge({
    engine  = var.engine.command
    name    = each.key
    network = var.network.id
    address = each.value.address
  }, { for key, value in { flavor = var.flavor } : key => jsonencode(value) if value != null })

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-euc"]
    environment = {
      ENGINE   = var.engine.command
      IMAGE    = var.engine.image
      OPTIONS  = join("\n", concat(var.engine.run_options, var.engine.node_options, local.limits))
      NAME     = each.key
      SPEC     = var.cluster.spec
      INSTANCE = self.id
      NETWORK  = var.network.name
      ADDRESS  = each.value.address
      LABELS = join("\n", [for key, value in merge(var.engine.labels, {
        "kbootstrap.spec"     = var.cluster.spec
        "kbootstrap.cluster"  = var.cluster.name
        "kbootstrap.node"     = each.key
        "kbootstrap.instance" = self.id
      }) : "--label=${key}=${value}"])
    }
    # First remove the leftovers of a killed run: containers with the cluster's labels that are in no state. SSH
    # gets any free port of the loopback address.
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
      "$ENGINE" run --detach --name "$NAME" --hostname "$NAME" --tty --restart unless-stopped --pull never \
        --network "$NETWORK" --ip "$ADDRESS" --publish 127.0.0.1::22 --stop-signal SIGRTMIN+3 \
        $LABELS $OPTIONS "$IMAGE" || {
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
      # Podman would first wait ten seconds for a clean stop; Docker does not.
      now=$([ "$ENGINE" != podman ] || echo --time=0)
      found=$("$ENGINE" ps --all --quiet --filter "label=kbootstrap.instance=$INSTANCE")
      for container in $found; do
        "$ENGINE" rm --force --volumes $now "$container"
      done
    EOT
  }
}

# The authorized keys: updated in the running node.
resource "terraform_data" "authorized_keys" {
  for_each = var.nodes

  triggers_replace = {
    node = terraform_data.node[each.key].id
    keys = var.ssh_authorized_keys
  }

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-euc"]
    environment = {
      ENGINE = var.engine.command
      NAME   = each.key
      KEYS   = join("\n", var.ssh_authorized_keys)
    }
    command = <<-EOT
      "$ENGINE" start "$NAME" >/dev/null
      printf '%s\n' "$KEYS" |
        "$ENGINE" exec --interactive "$NAME" sh -euc 'cat > /etc/ssh/authorized_keys/kbootstrap'
    EOT
  }
}
