// Package redisconn connects the adapters of Redis (or Valkey) to it, each with
// connections of its own, all with the same patience.
package redisconn
