package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// AuditEvent is domain.AuditEvent. Every column is immutable.
type AuditEvent struct{ ent.Schema }

// Annotations names the table.
func (AuditEvent) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("audit_events")}
}

// Fields lists the columns.
func (AuditEvent) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().SchemaType(uuidColumn()),
		field.Time("at").Immutable().SchemaType(instantColumn()),
		field.String("actor_kind").Immutable(),
		field.String("actor_id").Immutable(),
		field.String("actor_session_id").Immutable().SchemaType(uuidColumn()),
		field.String("actor_ip").Immutable(),
		field.Text("actor_user_agent").Immutable(),
		field.String("correlation_id").Immutable(),
		field.String("action").Immutable(),
		field.String("subject").Immutable().SchemaType(uuidColumn()),
		field.JSON("detail", map[string]string{}).Immutable(),
	}
}

// Indexes lists the indexes: each way of reading the log, newest first. Of two that
// fit, SQLite takes the later one, so the more selective one stands last.
func (AuditEvent) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("at", "id").StorageKey("audit_events_at"),
		index.Fields("action", "at", "id").StorageKey("audit_events_action"),
		index.Fields("subject", "at", "id").StorageKey("audit_events_subject"),
	}
}
