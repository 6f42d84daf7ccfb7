package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// AuditEvent is domain.AuditEvent with its domain.AuditLink, whose columns are empty
// until it is chained. Of the event only what is personal can change, by erasure.
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
		field.String("actor_ip"),
		field.Text("actor_user_agent"),
		field.String("correlation_id").Immutable(),
		field.String("action").Immutable(),
		field.String("subject").Immutable().SchemaType(uuidColumn()),
		field.JSON("detail", map[string]string{}).Immutable(),
		field.Int64("chain_seq").Optional().Nillable(),
		field.String("chain_key_id").Optional(),
		field.Bytes("chain_salt").Optional().SchemaType(binaryColumn(16)),
		field.Bytes("chain_commitment").Optional().SchemaType(binaryColumn(32)),
		field.Bytes("chain_mac").Optional().SchemaType(binaryColumn(32)),
	}
}

// Indexes lists the indexes: the chain with what is still to be chained, and each way
// of reading the log, newest first. Of two that
// fit, SQLite takes the later one, so the more selective one stands last.
func (AuditEvent) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("chain_seq", "at", "id").StorageKey("audit_events_chain"),
		index.Fields("actor_id", "at", "id").StorageKey("audit_events_actor"),
		index.Fields("at", "id").StorageKey("audit_events_at"),
		index.Fields("action", "at", "id").StorageKey("audit_events_action"),
		index.Fields("subject", "at", "id").StorageKey("audit_events_subject"),
	}
}
