module kbootstrap.recipes/build

go 1.24

require github.com/containerd/containerd v1.7.23
