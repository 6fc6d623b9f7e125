# Tries the ways from this machine to others: prints "reach PROTOCOL HOST PORT ANSWER" for each. Changes nothing.
# Needs sh, coreutils, xargs; bash opens the connections. The caller sets, before this text:
#   targets: a line for each, "tcp HOST PORT" or "udp HOST PORT"; seconds: how long an answer may take.
# ANSWER: open; refused (RST, or ICMP port unreachable); rejected (another ICMP error); unnamed (the host's name has
# no address); silent. A UDP port is open when it sends something back.
echo "begin kbootstrap-reach-1"
if command -v bash >/dev/null; then
    echo "$targets" | grep . | xargs -n 3 -P 32 env LC_ALL=C seconds="$seconds" sh -c '
        said=$(timeout "$seconds" bash --norc -c "
            exec 3<>\"/dev/\$1/\$2/\$3\" || exit 1
            if [ \"\$1\" = udp ]; then echo kbootstrap >&3 && read -r -n 1 -t \"$seconds\" answer <&3; fi
        " bash "$1" "$2" "$3" 2>&1)
        status=$?
        case "$status $said" in
            "0 "*) answer=open ;;
            *"refused"*) answer=refused ;;
            *"o route to host"* | *"unreachable"* | *"ermission denied"* | *"not permitted"*) answer=rejected ;;
            *"ame or service not known"* | *"ame resolution"* | *"Invalid argument"* | *"ssociated with"*) answer=unnamed ;;
            *) answer=silent ;;
        esac
        echo "reach $1 $2 $3 $answer"' sh
fi
echo "end kbootstrap-reach-1"
