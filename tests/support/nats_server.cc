#include "tests/support/nats_server.h"
