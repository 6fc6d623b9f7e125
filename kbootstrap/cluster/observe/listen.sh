# Answers on ports of this machine for a while, so that others can try the way to them. The caller sets, before this
# text: ports ("tcp/2379 udp/8472 …"), seconds. Prints "listener PID", and "answers PORT" for each; a port that is in
# use is left out. Without python3 and perl it answers on none. Ending the process PID closes the ports at once.
python=''
for one in python3 /usr/libexec/platform-python; do
    if [ -z "$python" ] && "$one" -c 'import socket' >/dev/null 2>&1; then python=$one; fi
done
if [ -n "$python" ]; then
    "$python" - "$seconds" $ports <<'END'
import os, select, signal, socket, sys

found, names = {}, []
for name in sys.argv[2:]:
    kind, port = name.split("/")
    for family in (socket.AF_INET6, socket.AF_INET):
        try:
            one = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) if kind == "tcp" else None
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0) if family == socket.AF_INET6 else None
            one.bind(("", int(port)))
            one.listen(64) if kind == "tcp" else None
        except OSError:
            continue
        found[one] = kind
        names.append(name)
        break
child = os.fork()
if child:
    print("listener", child)
    print("\n".join("answers " + name for name in names))
    sys.exit()
signal.alarm(int(sys.argv[1]))
os.setsid()
nothing = os.open("/dev/null", os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(nothing, number)
while found:
    for one in select.select(list(found), [], [])[0]:
        try:
            if found[one] == "tcp":
                one.accept()[0].close()
            else:
                one.sendto(*one.recvfrom(100))
        except OSError:
            pass
END
elif perl -MSocket=IN6ADDR_ANY -MPOSIX -e 1 >/dev/null 2>&1; then
    perl - "$seconds" $ports <<'END'
use Socket qw(:DEFAULT IN6ADDR_ANY IPPROTO_IPV6 IPV6_V6ONLY pack_sockaddr_in6); use POSIX qw(setsid);
my ($seconds, @wanted) = @ARGV; my (@found, @names);
for my $name (@wanted) {
    my ($kind, $port) = split m{/}, $name;
    my $type = $kind eq "tcp" ? SOCK_STREAM : SOCK_DGRAM;
    for my $family (AF_INET6, AF_INET) {
        socket(my $one, $family, $type, 0) or next;
        setsockopt($one, SOL_SOCKET, SO_REUSEADDR, 1) if $kind eq "tcp";
        setsockopt($one, IPPROTO_IPV6, IPV6_V6ONLY, 0) if $family == AF_INET6;
        bind($one, $family == AF_INET6 ? pack_sockaddr_in6($port, IN6ADDR_ANY) : pack_sockaddr_in($port, INADDR_ANY)) or next;
        if ($kind eq "tcp") { listen($one, 64) or next; }
        push @found, [$one, $kind]; push @names, $name; last;
    }
}
my $child = fork();
if ($child) { print "listener $child\n", map { "answers $_\n" } @names; exit; }
alarm $seconds; setsid();
open STDIN, "<", "/dev/null"; open STDOUT, ">", "/dev/null"; open STDERR, ">", "/dev/null";
while (@found) {
    my $bits = ""; vec($bits, fileno $_->[0], 1) = 1 for @found;
    select($bits, undef, undef, undef);
    for (@found) {
        my ($one, $kind) = @$_; next unless vec($bits, fileno $one, 1);
        if ($kind eq "tcp") { accept(my $other, $one) and close $other; }
        else { my $from = recv($one, my $text, 100, 0); send($one, $text, 0, $from) if defined $from; }
    }
}
END
fi
