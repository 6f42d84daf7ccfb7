package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Session is domain.Session.
type Session struct{ ent.Schema }

// Annotations names the table.
func (Session) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("sessions")}
}

// Fields lists the columns.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().SchemaType(uuidColumn()),
		field.String("account_id").Immutable().SchemaType(uuidColumn()),
		field.Int64("generation"),
		field.String("client_id").Immutable(),
		field.Strings("auth_methods").Immutable(),
		field.String("ip").Immutable(),
		field.Text("user_agent").Immutable(),
		field.Time("created_at").Immutable().SchemaType(instantColumn()),
		field.Time("last_seen_at").SchemaType(instantColumn()),
		field.Time("expires_at").SchemaType(instantColumn()),
		field.Time("absolute_expires_at").Immutable().SchemaType(instantColumn()),
		field.Time("ended_at").Optional().Nillable().SchemaType(instantColumn()),
		field.String("end_reason"),
		field.Bytes("refresh_nonce").Sensitive().SchemaType(binaryColumn(32)),
		field.Int64("refresh_counter"),
		field.Int("refresh_retries"),
		field.String("refresh_key_id"),
		field.Time("refresh_rotated_at").Optional().Nillable().SchemaType(instantColumn()),
		field.Bytes("refresh_retry_key").Optional().Sensitive().SchemaType(binaryColumn(32)),
	}
}

// Edges lists the foreign keys.
func (Session) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("account", Account.Type).Ref("sessions").Field("account_id").Unique().Required().Immutable(),
	}
}

// Indexes lists the indexes. The first serves the active sessions of an account,
// newest first, and the foreign key; the other two serve purging.
func (Session) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("account_id", "ended_at", "created_at", "id").StorageKey("sessions_account"),
		index.Fields("ended_at").StorageKey("sessions_ended"),
		index.Fields("expires_at").StorageKey("sessions_expires"),
	}
}
