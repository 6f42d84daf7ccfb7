// Command authserve is an authentication service in one binary.
// `authserve serve` starts it; `authserve --help` lists the rest.
package main

import (
	"os"

	"authserve/bootstrap"
)

func main() {
	os.Exit(bootstrap.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
