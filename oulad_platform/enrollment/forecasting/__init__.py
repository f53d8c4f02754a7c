"""What enrolment will be: booking curves and their rivals, a rolling backtest, intervals that cover what they say."""
