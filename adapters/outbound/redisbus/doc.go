// Package redisbus lets the replicas of one service tell each other what they wrote, by
// the publish and subscribe of Redis (or Valkey). It implements ports.Announcer.
//
// Announce publishes one message on one fixed channel. Listen subscribes to it on a
// connection of its own and looks after that connection with a ping each second: one
// that is silent for two is given up. Nothing is kept in Redis, so its memory, its
// databases and its restarts do not matter.
//
// A message has a version, the identifier of its sender, by which it leaves out its
// own, and the identifiers of rows. It has no secrets and nothing about anybody. Redis
// does not say who published it, and nothing here proves it: whoever may publish on the
// channel can make a replica read its database more often, and nothing else. A message
// that cannot be read, perhaps of a newer version, counts as one that names every row.
//
// Use the rules of Redis (ACL) to let the service have its channel alone; see
// docs/howto/caching.md.
package redisbus
