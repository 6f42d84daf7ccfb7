package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// IdempotencyRecord is domain.IdempotencyRecord. The id is the key's MAC in
// hexadecimal, since ent has no binary identifiers.
type IdempotencyRecord struct{ ent.Schema }

// Annotations names the table.
func (IdempotencyRecord) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("idempotency_records")}
}

// Fields lists the columns.
func (IdempotencyRecord) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().SchemaType(columnType{dialect.MySQL: "char(64)"}),
		field.Bytes("body").Immutable().SchemaType(binaryColumn(32)),
		field.String("resource").Immutable().SchemaType(uuidColumn()),
		field.Time("created_at").Immutable().SchemaType(instantColumn()),
		field.Time("expires_at").Immutable().SchemaType(instantColumn()),
	}
}

// Indexes lists the indexes: what can be purged.
func (IdempotencyRecord) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("expires_at").StorageKey("idempotency_records_expires"),
	}
}
