package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
)

// SigningKey is domain.SigningKey. There are a handful of rows and they are
// always read together, so there is no index.
type SigningKey struct{ ent.Schema }

// Annotations names the table.
func (SigningKey) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("signing_keys")}
}

// Fields lists the columns.
func (SigningKey) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().SchemaType(uuidColumn()),
		field.String("algorithm").Immutable(),
		field.String("state"),
		field.Bytes("public_key").Immutable(),
		field.Bytes("sealed_private_key").Immutable().Sensitive(),
		field.Time("created_at").Immutable().SchemaType(instantColumn()),
		field.Time("state_since").SchemaType(instantColumn()),
	}
}
