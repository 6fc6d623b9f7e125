// One program for all CNI plugins, by the name it is called with. The plugins' packages are put beside this
// file at build time, each with `package main` turned into a package of its own.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"kbootstrap.recipes/build/bandwidth"
	"kbootstrap.recipes/build/bridge"
	"kbootstrap.recipes/build/firewall"
	"kbootstrap.recipes/build/flannel"
	hostlocal "kbootstrap.recipes/build/host-local"
	"kbootstrap.recipes/build/loopback"
	"kbootstrap.recipes/build/portmap"
)

var plugins = map[string]func(){
	"bandwidth":  bandwidth.Main,
	"bridge":     bridge.Main,
	"firewall":   firewall.Main,
	"flannel":    flannel.Main,
	"host-local": hostlocal.Main,
	"loopback":   loopback.Main,
	"portmap":    portmap.Main,
}

func main() {
	name := filepath.Base(os.Args[0])
	plugin, known := plugins[name]
	if !known {
		fmt.Fprintf(os.Stderr, "%s is not a CNI plugin of this program\n", name)
		os.Exit(1)
	}
	plugin()
}
