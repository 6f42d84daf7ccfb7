// Package schema describes the tables: columns, indexes, foreign keys, and the
// column types that the databases need. It holds shape only. Rules, hooks and
// authorization belong to the core, so that no store can lose them.
//
// After a change run `task generate`, then `task migrate:new -- NAME`.
package schema
