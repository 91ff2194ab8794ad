package rpc

import (
	whittlev1 "github.com/whittle-sts/whittle/gen/whittle/v1"
	"github.com/whittle-sts/whittle/internal/live"
)

// fromSelector is the selector in the engine's words; the zero one, which the engine refuses, for a
// kind that this version doesn't know.
func fromSelector(s *whittlev1.Selector) live.Selector {
	switch by := s.GetBy().(type) {
	case *whittlev1.Selector_Token:
		return live.Selector{Kind: live.Token, Value: by.Token}
	case *whittlev1.Selector_Task:
		return live.Selector{Kind: live.Task, Value: by.Task}
	case *whittlev1.Selector_Subject:
		return live.Selector{Kind: live.Subject, Value: by.Subject}
	case *whittlev1.Selector_Client:
		return live.OfClient(by.Client)
	case *whittlev1.Selector_Group:
		return live.Selector{Kind: live.Group, Value: by.Group}
	case *whittlev1.Selector_Issuer:
		return live.OfIssuer(by.Issuer)
	case *whittlev1.Selector_Key:
		return live.OfKey(by.Key)
	default:
		return live.Selector{}
	}
}

func toSelector(s live.Selector) *whittlev1.Selector {
	switch s.Kind {
	case live.Token:
		return &whittlev1.Selector{By: &whittlev1.Selector_Token{Token: s.Value}}
	case live.Task:
		return &whittlev1.Selector{By: &whittlev1.Selector_Task{Task: s.Value}}
	case live.Subject:
		return &whittlev1.Selector{By: &whittlev1.Selector_Subject{Subject: s.Value}}
	case live.Client:
		return &whittlev1.Selector{By: &whittlev1.Selector_Client{Client: s.Value}}
	case live.Group:
		return &whittlev1.Selector{By: &whittlev1.Selector_Group{Group: s.Value}}
	case live.Issuer:
		return &whittlev1.Selector{By: &whittlev1.Selector_Issuer{Issuer: s.Value}}
	case live.Key:
		return &whittlev1.Selector{By: &whittlev1.Selector_Key{Key: s.Value}}
	default:
		return nil
	}
}
