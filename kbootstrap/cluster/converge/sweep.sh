# Defines what removes kbootstrap's files from its folder in /run. A provider may have files there that its machines
# need for as long as they run, such as the name servers of a node in a container: those stay.
sweep_run() { # the folder
    if [ -e "$1/hand-over" ]; then sh "$1/hand-over"; fi # the rules of a run that ended before it took them back
    rm -rf "$1"/lease* "$1/restart" "$1/hand-over" "$1"/updates*
    if [ -d "$1" ]; then rmdir --ignore-fail-on-non-empty "$1"; fi
}
