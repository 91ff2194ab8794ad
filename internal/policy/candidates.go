package policy

// few is how many rules are looked at one by one before less is looked for.
const few = 16

// ruleIndex finds rules by each of what an exchange must agree with. Every list is in the document's order, and all of them
// together are as long as the document: none is of combinations.
type ruleIndex struct {
	byClient   map[string][]*rule
	bySubject  map[selector][]*rule
	byResource map[string][]*rule
}

func (x *ruleIndex) add(r *rule) {
	for client := range r.clients {
		x.byClient[client] = append(x.byClient[client], r)
	}
	for _, s := range r.subject {
		x.bySubject[s] = append(x.bySubject[s], r)
	}
	for resource := range r.allows {
		x.byResource[resource] = append(x.byResource[resource], r)
	}
}

// admitting is the first rule, in the document's order, that admits the exchange, or nil. It looks at the rules of the client, of
// the subject or of a resource, whichever are fewest: each list has all that can admit. With 10,000 rules for one client, each for
// another subject, an exchange costs what it costs with 10; without it took twice as much.
func (d *decision) admitting() *rule {
	x := &d.policy.ruled
	fewest := x.byClient[d.Client]
	if len(fewest) <= few {
		return d.firstOf(fewest)
	}
	for _, id := range d.Resources {
		if list := x.byResource[id]; len(list) < len(fewest) {
			fewest = list
		}
	}
	var lists [][]*rule
	most := 0
	for _, s := range selectorsOf(&d.Principal) {
		if list := x.bySubject[s]; len(list) > 0 {
			lists, most = append(lists, list), most+len(list)
		}
	}
	if most*len(lists) < len(fewest) { // each rule that is come to costs a look at each list
		return d.firstOf(lists...)
	}
	return d.firstOf(fewest)
}

// firstOf goes through all lists at once, and comes to each rule in the document's order.
func (d *decision) firstOf(lists ...[]*rule) *rule {
	for {
		var next *rule
		for _, list := range lists {
			if len(list) > 0 && (next == nil || list[0].order < next.order) {
				next = list[0]
			}
		}
		if next == nil || next.clients[d.Client] && next.subject.match(&d.Principal) && d.mayPresent(next) && d.within(next) {
			return next
		}
		for i, list := range lists {
			if len(list) > 0 && list[0] == next {
				lists[i] = list[1:]
			}
		}
	}
}
