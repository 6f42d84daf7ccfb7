package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
)

// Guard is a named counter of ports.Guards; the id is its name.
type Guard struct{ ent.Schema }

// Annotations names the table.
func (Guard) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("guards")}
}

// Fields lists the columns.
func (Guard) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().SchemaType(exactColumn(255)),
		field.Int64("count"),
	}
}
