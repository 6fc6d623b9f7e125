"""What providers of clouds share; none of it knows a cloud's API.

| module          | part                                                                             |
|-----------------|----------------------------------------------------------------------------------|
| `keys`          | SSH keys that the spec names; `operator_keys`: else those of the operator        |
| `console`       | host keys in console logs; `host_keys` waits for them on machines without a pin  |
| `waiting`       | waiting in a thread that can be stopped                                          |
| `exposure`      | what is open to every address because the spec does not limit it                 |
| `needs`         | what machines take of quotas, less what is there                                 |
| `preflight`     | findings: flavors, quotas, and the refusal before anything is created            |
| `inventory`     | the inventory from the output contract, with bastion and host keys               |
"""
