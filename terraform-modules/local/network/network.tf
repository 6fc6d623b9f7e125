# A bridge network for this cluster.

locals {
  name = "kbootstrap-${var.cluster.spec}-${var.cluster.name}"
}

resource "terraform_data" "network" {
  # The engine is needed to destroy the resource; the name makes the state readable.
  input = {
    engine = var.engine.command
    name   = local.name
  }

  triggers_replace = {
    engine = var.engine.command
    name   = local.name
    cidr   = var.cidr
  }

  provisioner "local-exec" {
    interpreter = ["/bin/sh", "-euc"]
    environment = {
      ENGINE = var.engine.command
      NAME   = local.name
      SPEC   = var.cluster.spec
      CIDR   = var.cidr
      LABELS = join("\n", [for key, value in merge(var.engine.labels, {
        "kbootstrap.spec"     = var.cluster.spec
        "kbootstrap.cluster"  = var.cluster.name
        "kbootstrap.instance" = self.id
      }) : "--label=${key}=${value}"])
    }
    # No state has a network of this name, so an existing one was left by a killed run.
    command = <<-EOT
      # `kbootstrap adopt` sets this to the names of existing resources, which it imports into a new state.
      case " $${KBOOTSTRAP_ADOPT:-} " in *" $NAME "*) exit 0 ;; esac

      for container in $("$ENGINE" ps --all --quiet --filter "network=$NAME" --filter "label=kbootstrap.spec=$SPEC"); do
        "$ENGINE" rm --force --volumes "$container"
      done
      for network in $("$ENGINE" network ls --quiet --filter "label=kbootstrap.spec=$SPEC" --filter "name=^$NAME\$"); do
        "$ENGINE" network rm "$network"
      done

      IFS='
      '
      set -f
      "$ENGINE" network create --driver bridge --subnet "$CIDR" $LABELS "$NAME"
    EOT
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = ["/bin/sh", "-euc"]
    environment = {
      ENGINE   = self.input.engine
      INSTANCE = self.id
    }
    # Selected by its label, because another resource may have the name by now. Containers of an interrupted run are
    # still in it: OpenTofu does not run the destroy provisioners of resources that were not created completely.
    command = <<-EOT
      found=$("$ENGINE" network ls --quiet --filter "label=kbootstrap.instance=$INSTANCE")
      for network in $found; do
        for container in $("$ENGINE" ps --all --quiet --filter "network=$network" --filter label=kbootstrap.instance); do
          "$ENGINE" rm --force --volumes "$container"
        done
        "$ENGINE" network rm "$network"
      done
    EOT
  }
}
