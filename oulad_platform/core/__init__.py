"""Words that both lines of business share: tables, calendar, checks, statistics, charts. Pure; imports nothing of ours."""
