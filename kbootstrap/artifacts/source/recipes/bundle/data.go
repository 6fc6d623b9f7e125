// The one asset of the self-extracting k3s: an archive named by its own hash, put beside this file at build time.
package data

import (
	"embed"
	"fmt"
)

//go:embed *.tar.zst
var archives embed.FS

// AssetNames tells the name of the archive; k3s unpacks it into a folder of the same name.
func AssetNames() []string {
	entries, err := archives.ReadDir(".")
	if err != nil || len(entries) != 1 {
		panic(fmt.Sprintf("expected one embedded archive: %v", err))
	}
	return []string{entries[0].Name()}
}

// Asset returns the bytes of the archive.
func Asset(name string) ([]byte, error) {
	return archives.ReadFile(name)
}
