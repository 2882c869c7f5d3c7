package store

import "cnfd/acme"

func (t *tx) Account(id string) (*acme.Account, error) {
	return one[acme.Account](t, "account "+id, "SELECT doc FROM accounts WHERE id = $1", id)
}

func (t *tx) PutAccount(a *acme.Account) error {
	doc, err := t.doc("account "+a.ID, a)
	if err != nil {
		return err
	}
	return t.put("accounts", column{"id", a.ID}, doc)
}

func (t *tx) Accounts(after string, most int) ([]*acme.Account, error) {
	return many[acme.Account](t, "an account", "SELECT doc FROM accounts WHERE id > $1 ORDER BY id LIMIT $2", after, max(most, 0))
}

func (t *tx) KeyUse(thumbprint string) (*acme.KeyUse, error) {
	u := &acme.KeyUse{Thumbprint: thumbprint}
	var current int
	if err := t.row("SELECT account, is_current FROM key_uses WHERE thumbprint = $1", []any{thumbprint}, &u.Account, &current); err != nil {
		return nil, err
	}
	u.Current = current == 1
	return u, nil
}

// PutKeyUse refuses to give a key to another account than the one that has or had it: acme.ErrExists.
func (t *tx) PutKeyUse(u *acme.KeyUse) error {
	n, err := t.exec(`INSERT INTO key_uses (thumbprint, account, is_current) VALUES ($1, $2, $3)
		ON CONFLICT (thumbprint) DO UPDATE SET is_current = excluded.is_current WHERE key_uses.account = excluded.account`,
		u.Thumbprint, u.Account, number(u.Current))
	if err == nil && n == 0 {
		return acme.ErrExists
	}
	return err
}

func (t *tx) ExternalAccount(kid string) (*acme.ExternalAccount, error) {
	return one[acme.ExternalAccount](t, "external account "+kid, "SELECT doc FROM external_accounts WHERE kid = $1", kid)
}

func (t *tx) PutExternalAccount(e *acme.ExternalAccount) error {
	doc, err := t.doc("external account "+e.KID, e)
	if err != nil {
		return err
	}
	return t.put("external_accounts", column{"kid", e.KID}, doc)
}

// ExternalAccounts returns all, removed ones too, by kid.
func (t *tx) ExternalAccounts() ([]*acme.ExternalAccount, error) {
	return many[acme.ExternalAccount](t, "an external account", "SELECT doc FROM external_accounts ORDER BY kid")
}

// Grants returns all, by account, then domain.
func (t *tx) Grants() ([]acme.Grantee, error) {
	return t.grants("SELECT account, domain FROM grants ORDER BY account, domain")
}

// GrantsOf returns an account's, by domain.
func (t *tx) GrantsOf(account string) ([]acme.Grantee, error) {
	return t.grants("SELECT account, domain FROM grants WHERE account = $1 ORDER BY domain", account)
}

func (t *tx) grants(query string, args ...any) ([]acme.Grantee, error) {
	var all []acme.Grantee
	err := t.rows(query, args, func(scan func(...any) error) error {
		var g acme.Grantee
		if err := scan(&g.Account, &g.Domain); err != nil {
			return err
		}
		all = append(all, g)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

func (t *tx) PutGrant(g acme.Grantee) error {
	_, err := t.exec("INSERT INTO grants (account, domain) VALUES ($1, $2) ON CONFLICT DO NOTHING", g.Account, g.Domain)
	return err
}

func (t *tx) DropGrant(g acme.Grantee) error {
	n, err := t.exec("DELETE FROM grants WHERE account = $1 AND domain = $2", g.Account, g.Domain)
	if err == nil && n == 0 {
		return acme.ErrNotFound
	}
	return err
}

// number is a truth as every database can keep it.
func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
