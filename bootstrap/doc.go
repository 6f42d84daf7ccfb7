// Package bootstrap puts the service together: it reads the configuration,
// chooses the adapters, wraps every outgoing one in a guard, and starts and stops
// the whole in order.
//
// Each file named after a room is one fx module of plain constructors: telemetry,
// store, outgoing, core, inbound, worker. A constructor chooses, wraps and hands
// out; nothing is wrapped afterwards (docs/adr/0004). fx builds only what is asked
// for, so `user create` opens the store and no listener.
//
// The life of the running service is one start and one stop, in lifecycle.go. Another
// module's main starts the service with its own adapters through New.
package bootstrap
