"""The experiments of the paper and their baselines: plans of runs, and the tables, figures and pages made of them."""
