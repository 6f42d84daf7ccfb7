package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Throttle is domain.Throttle. The id is its key in hexadecimal, since ent has no
// binary identifiers.
type Throttle struct{ ent.Schema }

// Annotations names the table.
func (Throttle) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("throttles")}
}

// Fields lists the columns.
func (Throttle) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().SchemaType(columnType{dialect.MySQL: "char(64)"}),
		field.Int("failures"),
		field.Time("last_failure_at").SchemaType(instantColumn()),
	}
}

// Indexes lists the indexes: what can be purged.
func (Throttle) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("last_failure_at").StorageKey("throttles_last_failure"),
	}
}
