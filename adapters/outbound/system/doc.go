// Package system is the real world behind the ports Clock, IDs and Random: the
// system's clock, UUIDv7, and the system's CSPRNG. It is the only package that
// touches them, so everything else can be tested without them.
package system
