# Dagster's pages have no log-in of their own: the load balancer asks for one, answers to its own name only, and lets no other
# site's page start anything (GraphQL by GET or from another origin).
locals {
  origin = "https://${var.host_name}"
}

resource "aws_lb" "web" {
  name                       = var.name
  internal                   = true
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.balancer.id]
  subnets                    = var.private_subnet_ids
  drop_invalid_header_fields = true
  enable_deletion_protection = true
  idle_timeout               = 300
}

resource "aws_lb_target_group" "webserver" {
  name        = "${var.name}-webserver"
  vpc_id      = var.vpc_id
  target_type = "ip"
  protocol    = "HTTP"
  port        = 3000

  health_check {
    path                = "/server_info"
    interval            = 30
    healthy_threshold   = 2
    unhealthy_threshold = 4
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.web.arn
  protocol          = "HTTPS"
  port              = 443
  certificate_arn   = var.certificate_arn
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"

  routing_http_response_x_frame_options_header_value         = "DENY"
  routing_http_response_content_security_policy_header_value = "frame-ancestors 'none'"

  default_action {
    type = "fixed-response"

    fixed_response {
      status_code  = "403"
      content_type = "text/plain"
      message_body = "Open ${local.origin}"
    }
  }
}

resource "aws_lb_listener_rule" "graphql" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 10

  condition {
    host_header {
      values = [var.host_name]
    }
  }

  condition {
    path_pattern {
      values = ["/graphql"]
    }
  }

  condition {
    http_request_method {
      values = ["POST"]
    }
  }

  condition {
    http_header {
      http_header_name = "Origin"
      values           = [local.origin]
    }
  }

  action {
    type = "authenticate-cognito"

    authenticate_cognito {
      user_pool_arn              = var.cognito.user_pool_arn
      user_pool_client_id        = var.cognito.user_pool_client_id
      user_pool_domain           = var.cognito.user_pool_domain
      on_unauthenticated_request = "deny"
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.webserver.arn
  }
}

resource "aws_lb_listener_rule" "subscriptions" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 20

  condition {
    host_header {
      values = [var.host_name]
    }
  }

  condition {
    path_pattern {
      values = ["/graphql"]
    }
  }

  condition {
    http_header {
      http_header_name = "Upgrade"
      values           = ["websocket"]
    }
  }

  condition {
    http_header {
      http_header_name = "Origin"
      values           = [local.origin]
    }
  }

  action {
    type = "authenticate-cognito"

    authenticate_cognito {
      user_pool_arn              = var.cognito.user_pool_arn
      user_pool_client_id        = var.cognito.user_pool_client_id
      user_pool_domain           = var.cognito.user_pool_domain
      on_unauthenticated_request = "deny"
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.webserver.arn
  }
}

resource "aws_lb_listener_rule" "other_graphql" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 30

  condition {
    path_pattern {
      values = ["/graphql", "/graphql/*"]
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      status_code  = "403"
      content_type = "text/plain"
      message_body = "Only the pages of ${local.origin} may ask"
    }
  }
}

resource "aws_lb_listener_rule" "pages" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 40

  condition {
    host_header {
      values = [var.host_name]
    }
  }

  action {
    type = "authenticate-cognito"

    authenticate_cognito {
      user_pool_arn              = var.cognito.user_pool_arn
      user_pool_client_id        = var.cognito.user_pool_client_id
      user_pool_domain           = var.cognito.user_pool_domain
      on_unauthenticated_request = "authenticate"
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.webserver.arn
  }
}
