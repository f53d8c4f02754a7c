"""How good the models are: figures, trials on unseen cohorts, rules to beat, leak ladder, reach and lead."""
