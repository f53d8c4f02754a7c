-- How many students is it worth contacting, with which doubt, and how much does a smaller list give up?
SELECT n_contacted, mean_risk, cost, net_benefit, net_benefit_low, net_benefit_high, probability_of_profit, break_even_points,
       net_benefit - (SELECT MAX(net_benefit) FROM roi_by_caseload) AS below_best, is_best
FROM roi_by_caseload
ORDER BY n_contacted;
