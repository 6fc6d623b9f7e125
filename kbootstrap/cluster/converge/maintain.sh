# kbootstrap-maintain: updates and reboots the operating system of this machine. Debian and Ubuntu; run as root, after
# upkeep.sh. The caller sets, before this text:
#   doing packages patience longest
# doing: look (fetch the package lists, print what is pending), install (packages, divided by spaces), reboot.
# patience is how long an earlier installation is waited for, longest how long this one may take (seconds).
# A reboot is known by `boot`: the kernel's ID, and when PID 1 began, which is what changes for a container.
unit=kbootstrap-updates folder=/run/kbootstrap
log=$folder/updates.log result=$folder/updates.status
export LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a

boot() { echo "boot $(cat /proc/sys/kernel/random/boot_id)-$(sed 's/.*) //' /proc/1/stat | cut -d' ' -f20)"; }
settled() { # nothing is being installed by us; what a killed run began goes on without it, and dpkg must not be cut
    for _ in $(seq "$1"); do
        systemctl is-active --quiet $unit || return 0
        sleep 1
    done
    echo "$unit still runs" >&2
    return 1
}

case $doing in
    look)
        echo "begin kbootstrap-maintain"
        if command -v apt-get >/dev/null && [ -n "$packages" ]; then
            settled "$patience" || exit 1
            apt-get -q -o DPkg::Lock::Timeout=60 -o APT::Update::Error-Mode=any update >/dev/null 2>&1 ||
                echo 'updates-unread apt-get update failed'
        fi
        if [ -n "$packages" ]; then upkeep yes; else upkeep no; fi
        boot
        echo "end kbootstrap-maintain"
        ;;
    install)
        settled "$patience" || exit 1
        mkdir -p $folder && rm -f $result
        # In a unit of its own: it ends as it should when the connection breaks, or the run is killed.
        systemd-run --quiet --collect --unit=$unit --setenv=LC_ALL=$LC_ALL \
            --setenv=DEBIAN_FRONTEND=$DEBIAN_FRONTEND --setenv=NEEDRESTART_MODE=$NEEDRESTART_MODE sh -c "
                exec >$log 2>&1
                dpkg --force-confdef --force-confold --configure -a # may fail: a newer version may repair a package
                apt-get -q -y -o DPkg::Lock::Timeout=$patience -o Dpkg::Options::=--force-confdef \
                    -o Dpkg::Options::=--force-confold --no-remove --only-upgrade install $packages
                echo \$? >$result" || exit 1
        settled "$longest" || exit 1
        if [ "$(cat $result 2>/dev/null)" = 0 ]; then exit 0; fi
        tail -n 20 $log >&2
        exit 1
        ;;
    reboot) # after this command has ended, so that its answer arrives
        systemd-run --quiet --collect --on-active=1 systemctl reboot
        ;;
esac
