package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Credential is domain.Credential. Its id is the account's, so an account has at
// most one.
type Credential struct{ ent.Schema }

// Annotations names the table.
func (Credential) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("credentials")}
}

// Fields lists the columns.
func (Credential) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().SchemaType(uuidColumn()),
		field.String("password_hash").Sensitive().SchemaType(textColumn(1024)),
		field.String("settings").SchemaType(textColumn(512)), // domain.SettingsOf the hash
		field.Int64("version"),
		field.Time("changed_at").SchemaType(instantColumn()),
	}
}

// Edges makes the id a foreign key as well.
func (Credential) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("account", Account.Type).Unique().
			StorageKey(edge.Column("id"), edge.Symbol("credentials_id_fkey")).
			Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Indexes lists the indexes: the one that counts hashes by their settings.
func (Credential) Indexes() []ent.Index {
	return []ent.Index{index.Fields("settings").StorageKey("credentials_settings")}
}
