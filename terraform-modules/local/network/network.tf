# A bridge network of the cluster's own.

locals {
  name = "kbootstrap-${var.cluster.spec}-${var.cluster.name}"
}

resource "terraform_data" "network" {
  # The engine is needed to destroy it; the name is for people who read the state.
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
    # No state knows a network of this name: what is there was left by a run that was killed.
    command = <<-EOT
      # `kbootstrap adopt` names what exists and comes into a new state as it is.
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
    # By its mark and not by its name, which may belong to somebody else by now.
    command = <<-EOT
      found=$("$ENGINE" network ls --quiet --filter "label=kbootstrap.instance=$INSTANCE")
      for network in $found; do
        "$ENGINE" network rm "$network"
      done
    EOT
  }
}
