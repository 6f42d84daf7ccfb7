package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
)

// AuditHead is domain.AuditHead; the id is "head" or "anchor".
type AuditHead struct{ ent.Schema }

// Annotations names the table.
func (AuditHead) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("audit_heads")}
}

// Fields lists the columns.
func (AuditHead) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().SchemaType(textColumn(16)),
		field.Int64("seq"),
		field.Bytes("mac").SchemaType(binaryColumn(32)),
		field.String("key_id"),
		field.Time("at").SchemaType(instantColumn()),
		field.Bytes("proof").SchemaType(binaryColumn(32)),
	}
}
