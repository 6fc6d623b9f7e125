module kbootstrap.recipes/build
go 1.24
require (
 github.com/containernetworking/plugins v0.9.1
 github.com/containernetworking/cni v1.1.2
)
