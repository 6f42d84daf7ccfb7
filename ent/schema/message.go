package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Message is domain.Message, a row of the outbox. It has no foreign key: what
// must be said about an account may have to be said after its end.
type Message struct{ ent.Schema }

// Annotations names the table.
func (Message) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("messages")}
}

// Fields lists the columns.
func (Message) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().SchemaType(uuidColumn()),
		field.String("kind").Immutable(),
		field.String("account_id").Immutable().SchemaType(uuidColumn()),
		field.Int64("generation").Immutable(),
		field.String("recipient").Immutable(),
		field.String("locale").Immutable(),
		field.JSON("data", map[string]string{}).Immutable(),
		field.String("state"),
		field.Time("created_at").Immutable().SchemaType(instantColumn()),
		field.Int("attempt"),
		field.Int("failures"),
		field.Time("due_at").SchemaType(instantColumn()),
		field.Time("settled_at").Optional().Nillable().SchemaType(instantColumn()),
		field.Text("last_error"),
	}
}

// Indexes lists the indexes: what is due, what can be purged, and what
// goes with an account.
func (Message) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("state", "due_at", "id").StorageKey("messages_due"),
		index.Fields("settled_at").StorageKey("messages_settled"),
		index.Fields("account_id", "created_at", "id").StorageKey("messages_account"),
	}
}
