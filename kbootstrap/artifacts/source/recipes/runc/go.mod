module kbootstrap.recipes/build

go 1.24

require github.com/opencontainers/runc v1.2.1
