package policy

import "fmt"

// match finds the first rule, in the document's order, that admits the exchange. If none does,
// the refusal says how far the best one came.
func (d *decision) match() *Refusal {
	client, ok := d.policy.clients[d.Client]
	if !ok {
		return &Refusal{Code: unauthorizedClient, Reason: "unknown_client", Detail: fmt.Sprintf("the policy has no client %q", d.Client)}
	}
	d.client = client
	if d.rule = d.admitting(); d.rule == nil {
		return d.unmatched()
	}
	return nil
}

func (d *decision) mayPresent(r *rule) bool {
	if d.Parent == nil {
		return r.starts(d.client, &d.Principal)
	}
	return r.presentable(d.client, d.Parent.IssuedTo, d.Parent.Audience)
}

func (d *decision) within(r *rule) bool {
	for _, id := range d.Resources {
		if !r.allows[id] {
			return false
		}
	}
	return true
}

// unmatched says how far the best of the client's rules came.
func (d *decision) unmatched() *Refusal {
	subject, presentable := false, false
	for _, r := range d.policy.ruled.byClient[d.Client] {
		if r.subject.match(&d.Principal) {
			subject = true
			presentable = presentable || d.mayPresent(r)
		}
	}
	refusal := &Refusal{Code: invalidRequest}
	if d.Parent == nil && d.Principal.IsClient() {
		refusal.Code = unauthorizedClient
	}
	switch {
	case presentable:
		refusal.Code, refusal.Reason = invalidTarget, "resource_not_allowed"
		refusal.Detail = fmt.Sprintf("no rule for client %q and this subject names all of %q", d.Client, d.Resources)
	case subject:
		refusal.Reason = "not_presentable"
		refusal.Detail = fmt.Sprintf("client %q has rules for this subject, but none under which it may present this token", d.Client)
	default:
		refusal.Reason = "no_rule"
		refusal.Detail = fmt.Sprintf("no rule for client %q names this subject", d.Client)
	}
	return refusal
}

// targets settles the audience. A resource that can't be had at all refuses the exchange, even
// among others (RFC 8707 section 2).
func (d *decision) targets() *Refusal {
	for _, id := range d.Resources {
		d.audience = append(d.audience, d.policy.resources[id])
	}
	if len(d.audience) == 0 && d.rule.defaultResource != nil {
		d.audience = []*Resource{d.rule.defaultResource}
	}
	if len(d.audience) > 1 && !d.rule.multiAudience {
		return &Refusal{Code: invalidTarget, Reason: "several_audiences", Detail: "the rule allows one resource for each token"}
	}
	for _, r := range d.audience {
		if r.Accepts.IsEmpty() {
			return &Refusal{Code: invalidTarget, Reason: "resource_accepts_nothing", Detail: r.ID}
		}
		if d.Parent != nil && d.Parent.Bounds.Reach.At(r.ID).IsEmpty() {
			return &Refusal{Code: invalidTarget, Reason: "resource_out_of_reach", Detail: r.ID}
		}
	}
	return nil
}
