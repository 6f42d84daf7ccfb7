package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// Account is domain.Account.
type Account struct{ ent.Schema }

// Annotations names the table.
func (Account) Annotations() []schema.Annotation {
	return []schema.Annotation{entsql.Table("accounts")}
}

// Fields lists the columns.
func (Account) Fields() []ent.Field {
	return []ent.Field{
		field.String("id").Immutable().SchemaType(uuidColumn()),
		field.String("email"),
		field.String("email_canonical").SchemaType(exactColumn(1020)),
		field.String("username").Optional().Nillable(),
		field.String("username_canonical").Optional().Nillable().SchemaType(exactColumn(128)),
		field.String("display_name"),
		field.String("locale"),
		field.String("status"),
		field.Strings("roles"),
		field.Time("email_verified_at").Optional().Nillable().SchemaType(instantColumn()),
		field.Int64("auth_generation"),
		field.Int64("credential_version"),
		field.Int64("profile_version"),
		field.Time("created_at").SchemaType(instantColumn()),
		field.Time("updated_at").SchemaType(instantColumn()),
		field.Time("last_login_at").Optional().Nillable().SchemaType(instantColumn()),
	}
}

// Edges lists what is deleted with an account.
func (Account) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("sessions", Session.Type).
			StorageKey(edge.Symbol("sessions_account_id_fkey")).
			Annotations(entsql.OnDelete(entsql.Cascade)),
		edge.To("one_time_tokens", OneTimeToken.Type).
			StorageKey(edge.Symbol("one_time_tokens_account_id_fkey")).
			Annotations(entsql.OnDelete(entsql.Cascade)),
	}
}

// Indexes lists the indexes; the last serves the accounts that were never verified.
func (Account) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("email_canonical").Unique().StorageKey("accounts_email_canonical"),
		index.Fields("username_canonical").Unique().StorageKey("accounts_username_canonical"),
		index.Fields("email_verified_at", "created_at", "id").StorageKey("accounts_unverified"),
	}
}
