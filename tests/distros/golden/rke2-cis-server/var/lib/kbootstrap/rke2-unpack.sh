# Written by kbootstrap from the spec. Changes made here are lost at the next `kbootstrap apply`.
# Unpacks the program of RKE2, unless that was done with this tarball. Run as root before each start of the service,
# and after the tarball was sent; may be cut and run again. Needs sh, coreutils, tar, gzip.
# Its units are left out: they would stay when ours are removed, and start with other settings.
tarball=/var/lib/kbootstrap/rke2.tar.gz mark=/var/lib/kbootstrap/rke2.unpacked
state=$(stat -c '%i %Y %s' "$tarball") || exit 1
if [ -x /usr/local/bin/rke2 ] && [ "$(cat "$mark" 2>/dev/null)" = "$state" ]; then exit 0; fi
rm -f "$mark"
tar -xzf "$tarball" -C /usr/local --no-same-owner --no-overwrite-dir --exclude=lib || exit 1
echo "$state" > "$mark"
