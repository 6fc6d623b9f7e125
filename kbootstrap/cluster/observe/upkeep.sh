# Prints what the machine's operating system waits for (state/upkeep.py). Changes nothing, fetches nothing.
# The caller calls `upkeep yes` to have pending security updates counted too: they take a second.
apt_plan() { # what an upgrade would do by the lists that are there; no cache is written
    timeout 60 apt-get -s -q -o Debug::NoLocking=true -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
        dist-upgrade 2>/dev/null
}
security_updates() { # names of packages to install or configure from an archive for security, from apt_plan's words
    awk '/^(Inst|Conf) / && tolower($0) ~ /security/ && !seen[$2]++ { print $2 }'
}
age() { # seconds since the newest of these was changed
    newest=$(stat -c %Y "$@" 2>/dev/null | sort -n | tail -n 1)
    if [ -n "$newest" ]; then echo $(($(date +%s) - newest)); fi
}
lists_age() { # of the package lists
    age /var/lib/apt/lists /var/lib/apt/lists/partial /var/lib/apt/periodic/update-success-stamp
}
upkeep() {
    if ! command -v apt-get >/dev/null; then return; fi
    echo 'package-manager apt'
    if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ]; then
        echo "reboot-required $(cat /run/reboot-required.pkgs /var/run/reboot-required.pkgs 2>/dev/null | sort -u | tr '\n' ' ')"
    fi
    if [ "$1" != yes ]; then return; fi
    if ! ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1; then
        echo 'updates-unread apt has no package lists'
        return
    fi
    if ! planned=$(apt_plan); then
        echo 'updates-unread apt-get cannot plan an upgrade'
        return
    fi
    echo "updates $(lists_age) $(printf '%s\n' "$planned" | security_updates | tr '\n' ' ')"
}
