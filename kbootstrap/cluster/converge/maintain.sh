# kbootstrap-maintain: updates and reboots the operating system of this machine. Debian and Ubuntu; run as root, after
# upkeep.sh. The caller sets, before this text:
#   doing packages patience
# doing: look (fetch the package lists, print what is pending), install (packages, divided by spaces), reboot.
# A reboot is known by `boot`: the kernel's ID, and when PID 1 began, which is what changes for a container.
unit=kbootstrap-updates log=/run/kbootstrap/updates.log
export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a

boot() { echo "boot $(cat /proc/sys/kernel/random/boot_id)-$(sed 's/.*) //' /proc/1/stat | cut -d' ' -f20)"; }
settled() { # what an earlier run began goes on without it, and dpkg must not be cut
    for _ in $(seq "$patience"); do
        systemctl is-active --quiet $unit || return 0
        sleep 1
    done
    echo 'an earlier installation still runs' >&2
    return 1
}

case $doing in
    look)
        echo "begin kbootstrap-maintain"
        if command -v apt-get >/dev/null && [ -n "$packages" ]; then
            settled || exit 1
            apt-get -q -o DPkg::Lock::Timeout=60 -o APT::Update::Error-Mode=any update >/dev/null 2>&1 ||
                echo 'updates-unread apt-get update failed'
        fi
        if [ -n "$packages" ]; then upkeep yes; else upkeep no; fi
        boot
        echo "end kbootstrap-maintain"
        ;;
    install)
        # In a unit of its own: it ends as it should when the connection breaks, or the run is killed.
        settled || exit 1
        mkdir -p "${log%/*}"
        # shellcheck disable=SC2086 # a list of words
        systemd-run --quiet --collect --wait --unit=$unit --setenv=LC_ALL=C \
            --setenv=DEBIAN_FRONTEND=$DEBIAN_FRONTEND --setenv=NEEDRESTART_MODE=$NEEDRESTART_MODE \
            sh -c "exec >$log 2>&1; dpkg --force-confdef --force-confold --configure -a &&
                apt-get -q -y -o DPkg::Lock::Timeout=$patience -o Dpkg::Options::=--force-confdef \
                -o Dpkg::Options::=--force-confold --no-remove --only-upgrade install $packages" && exit 0
        tail -n 20 $log >&2
        exit 1
        ;;
    reboot) # after this command has ended, so that its answer arrives
        systemd-run --quiet --collect --on-active=1 systemctl reboot
        ;;
esac
