package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Erasure is domain.Erasure; the id is the account's.
type Erasure struct{ ent.Schema }

// Annotations names the table.
func (Erasure) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("erasures")}
}

// Fields lists the columns.
func (Erasure) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().SchemaType(uuidColumn()),
		field.Time("at").Immutable().SchemaType(instantColumn()),
		field.Time("finished_at").Optional().Nillable().SchemaType(instantColumn()),
	}
}

// Indexes lists the indexes: what is not finished.
func (Erasure) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("finished_at", "at", "id").StorageKey("erasures_pending"),
	}
}
