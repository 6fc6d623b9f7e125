"""The contract of Cluster Autoscaler's provider `externalgrpc`: `.proto` files, and the message classes made of them."""
