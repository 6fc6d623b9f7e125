"""Run nova-compute with our driver. Nova only looks among its own: `compute_driver = nspawn.NspawnDriver`."""

import sys


def main() -> None:
    """Run until killed."""
    from nova.cmd import compute  # first: it makes threads green before anything else is imported

    from kbootstrap_cloud import nova_driver

    sys.modules["nova.virt.nspawn"] = nova_driver
    compute.main()


if __name__ == "__main__":
    main()
