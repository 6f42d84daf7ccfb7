package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// OneTimeToken is domain.OneTimeToken. The id is the secret's hash in hexadecimal, since
// ent has no binary identifiers.
type OneTimeToken struct{ ent.Schema }

// Annotations names the table.
func (OneTimeToken) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("one_time_tokens")}
}

// Fields lists the columns.
func (OneTimeToken) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().Sensitive().SchemaType(columnType{dialect.MySQL: "char(64)"}),
		field.String("account_id").Immutable().SchemaType(uuidColumn()),
		field.String("purpose").Immutable().SchemaType(textColumn(32)),
		field.String("slot").Immutable().SchemaType(exactColumn(1020)),
		field.String("address").Immutable(),
		field.String("address_canonical").Immutable().SchemaType(exactColumn(1020)),
		field.Int64("generation").Immutable(),
		field.Time("created_at").Immutable().SchemaType(instantColumn()),
		field.Time("expires_at").Immutable().SchemaType(instantColumn()),
	}
}

// Edges lists the foreign keys.
func (OneTimeToken) Edges() []ent.Edge {
	return []ent.Edge{
		edge.From("account", Account.Type).Ref("one_time_tokens").Field("account_id").Unique().Required().Immutable(),
	}
}

// Indexes lists the indexes: one token for each slot, who holds an address, and what
// can be purged.
func (OneTimeToken) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("account_id", "purpose", "slot").Unique().StorageKey("one_time_tokens_slot"),
		index.Fields("slot", "purpose").StorageKey("one_time_tokens_holder"),
		index.Fields("expires_at").StorageKey("one_time_tokens_expires"),
	}
}
